import type { NamesrvConfig } from '@rocketcluster/config'
import type { Disk, TlsServerOptions } from '@rocketcluster/world'

/** TLS as the configuration says, with the files it names; undefined when there is no certificate. Throws DiskError. */
export async function tlsOptions(disk: Disk, config: NamesrvConfig): Promise<TlsServerOptions | undefined> {
  const { tlsServerMode, tlsServerCertPath, tlsServerKeyPath, tlsServerTrustCertPath, tlsServerKeyPassword } = config
  if (tlsServerCertPath === '') return undefined
  const read = async (path: string) => Buffer.from(await disk.readFile(path)).toString('utf8')
  return {
    mode: tlsServerMode,
    certificate: await read(tlsServerCertPath),
    key: await read(tlsServerKeyPath),
    keyPassphrase: tlsServerKeyPassword === '' ? undefined : tlsServerKeyPassword,
    trustedCertificates: tlsServerTrustCertPath === '' ? undefined : await read(tlsServerTrustCertPath),
    clientAuthentication: config.tlsServerNeedClientAuth,
  }
}

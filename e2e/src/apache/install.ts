import { execFile } from 'node:child_process'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Downloaded software lies here, outside git; it is safe to delete. */
export const CACHE = join(dirname(fileURLToPath(import.meta.url)), '../../.cache')

export const SERVER_VERSION = '5.5.0'
export const OLD_CLIENT_VERSION = '4.9.8'

/** Jars of one installation, ready for `java -cp`. */
export interface Installation {
  readonly version: string
  readonly directory: string
  /** `directory/lib/*`: Java expands the star itself. */
  readonly classPath: string
}

/** Something that tests need from the machine and that npm cannot bring. */
export class MissingError extends Error {
  override readonly name = 'MissingError'
}

async function needCommand(command: string, versionFlag: string, what: string): Promise<string> {
  try {
    const { stdout, stderr } = await run(command, [versionFlag], { timeout: 30_000 })
    return stdout + stderr
  } catch (cause) {
    throw new MissingError(`${command} cannot be run: Apache RocketMQ's tests need ${what} on the PATH`, { cause })
  }
}

/** Fails with one sentence that says what to install, when Maven or a JDK is missing. */
export async function checkJava(): Promise<void> {
  await needCommand('java', '-version', 'a Java runtime (version 11 or newer)')
  await needCommand('javac', '-version', 'a Java development kit (version 11 or newer)')
  await needCommand('mvn', '-version', 'Apache Maven 3.6 or newer')
}

function pom(name: string, artifacts: readonly string[]): string {
  const dependencies = artifacts.map(artifact => {
    const [groupId, artifactId, version] = artifact.split(':')
    return `    <dependency><groupId>${groupId}</groupId><artifactId>${artifactId}</artifactId><version>${version}</version></dependency>`
  })
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>rocketcluster.e2e</groupId>
  <artifactId>${name}</artifactId>
  <version>1</version>
  <dependencies>
${dependencies.join('\n')}
  </dependencies>
</project>
`
}

const installing = new Map<string, Promise<Installation>>()

/**
 * Brings artifacts (`group:artifact:version`) and all they need from Maven Central into the cache, once.
 * Throws MissingError without Maven or Java; a failed download leaves nothing behind.
 */
export function installArtifacts(name: string, version: string, artifacts: readonly string[]): Promise<Installation> {
  let running = installing.get(name)
  if (!running) {
    running = download(name, version, artifacts)
    installing.set(name, running)
    running.catch(() => installing.delete(name))
  }
  return running
}

async function download(name: string, version: string, artifacts: readonly string[]): Promise<Installation> {
  const directory = join(CACHE, name)
  const installation = { version, directory, classPath: join(directory, 'lib', '*') }
  if ((await readdir(directory).catch((): string[] => [])).includes('complete')) return installation
  await checkJava()
  // Two test runs may install at once: each into a directory of its own, and the last rename wins.
  const building = `${directory}.${process.pid}`
  await rm(building, { recursive: true, force: true })
  await mkdir(building, { recursive: true })
  try {
    await writeFile(join(building, 'pom.xml'), pom(name, artifacts))
    const goals = ['dependency:copy-dependencies', '-DoutputDirectory=lib', '-DincludeScope=runtime']
    await run('mvn', ['-q', '-B', ...goals], { cwd: building, timeout: 15 * 60_000, maxBuffer: 64 << 20 })
    await writeFile(join(building, 'complete'), `${artifacts.join('\n')}\n`)
    await rm(directory, { recursive: true, force: true })
    await rename(building, directory)
  } catch (cause) {
    await rm(building, { recursive: true, force: true })
    const { stdout = '', message } = cause as { stdout?: string; message: string }
    throw new Error(`Maven could not fetch ${artifacts.join(', ')}: ${stdout.slice(-2000) || message}`, { cause })
  }
  return installation
}

const rocketmq = (version: string, ...names: string[]) =>
  names.map(name => `org.apache.rocketmq:rocketmq-${name}:${version}`)

/** Apache RocketMQ's servers, mqadmin and Java client. */
export function installApache(version = SERVER_VERSION): Promise<Installation> {
  return installArtifacts(
    `apache-rocketmq-${version}`,
    version,
    rocketmq(version, 'namesrv', 'broker', 'tools', 'client'),
  )
}

/** Only the Java client, of any release: programs of users who have not upgraded for years. */
export function installClient(version = OLD_CLIENT_VERSION): Promise<Installation> {
  return installArtifacts(`apache-rocketmq-client-${version}`, version, rocketmq(version, 'client'))
}

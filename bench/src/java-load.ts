import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compileJava, installApache } from '@rocketcluster/e2e'
import { runLoad } from './load-process.ts'
import type { Session } from './session.ts'
import { tempDirectory } from './temp-directory.ts'

const SOURCE = fileURLToPath(new URL('java/BenchClient.java', import.meta.url))
/** The client's logs would be part of what is measured. */
const LOGBACK = '<configuration><root level="OFF"/></configuration>\n'

/** java/BenchClient.java against a session's broker, with everything it writes in a directory that is deleted. */
export async function javaLoad(
  session: Session,
  command: 'sync' | 'async' | 'batch' | 'pull' | 'push',
  topic: string,
  args: readonly string[],
  timeoutMs: number,
) {
  const classPath = await compileJava(SOURCE, await installApache())
  const home = tempDirectory('java')
  try {
    const logback = join(home.path, 'logback.xml')
    await mkdir(home.path, { recursive: true })
    await writeFile(logback, LOGBACK)
    const flags = [
      '-Xms1g',
      '-Xmx1g',
      '--add-opens=java.base/java.nio=ALL-UNNAMED',
      '--add-opens=java.base/sun.nio.ch=ALL-UNNAMED',
      `-Drmq.logback.configurationFile=${logback}`,
      `-Drocketmq.client.logRoot=${home.path}`,
      `-Duser.home=${home.path}`,
      '-cp',
      classPath,
      'BenchClient',
      command,
      '--name-server',
      session.nameServer,
      '--topic',
      topic,
      ...args,
    ]
    return await runLoad('java', flags, { broker: session.pid, timeoutMs })
  } finally {
    await home.remove()
  }
}

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CACHE, MissingError } from '../apache/install.ts'
import type { Client } from './client.ts'

const execute = promisify(execFile)
const source = (path: string) => fileURLToPath(new URL(`./${path}`, import.meta.url))

async function canRun(command: string, ...args: string[]): Promise<boolean> {
  return execute(command, args, { timeout: 30_000 }).then(
    () => true,
    () => false,
  )
}

/**
 * A directory in the cache named after what it is made of; made by the first that asks. A failed attempt leaves nothing, and
 * is MissingError: a registry that cannot be reached is no fault of the system under test.
 */
export async function cached(
  name: string,
  content: readonly (string | Buffer)[],
  make: (directory: string) => Promise<void>,
) {
  const hash = createHash('sha256')
  for (const part of content) hash.update(part)
  const directory = join(CACHE, `${name}-${hash.digest('hex').slice(0, 12)}`)
  if (await stat(directory).catch(() => undefined)) return directory
  const building = `${directory}.${process.pid}`
  try {
    await rm(building, { recursive: true, force: true })
    await mkdir(building, { recursive: true })
    await make(building)
    await rename(building, directory)
  } catch (cause) {
    await rm(building, { recursive: true, force: true })
    const { stderr = '', message } = cause as { stderr?: string; message: string }
    throw new MissingError(`${name} could not be installed: ${(stderr.trim() || message).slice(-400)}`, { cause })
  }
  return directory
}

const once = <T>(make: () => Promise<T>) => {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

const ALI_ONS = 'ali-ons@3.12.0'

/** The Node client of the Apsara ONS days, pure JavaScript, still installed by tens of thousands each month. */
export const aliOns: Client = {
  name: 'ali-ons',
  prepare: once(async () => {
    const program = await readFile(source('node/rocket-client.cjs'))
    const directory = await cached('ali-ons', [ALI_ONS, program], async building => {
      await execute('npm', ['install', '--prefix', building, '--no-audit', '--no-fund', '--ignore-scripts', ALI_ONS], {
        timeout: 180_000,
        cwd: building,
      })
      await cp(source('node/rocket-client.cjs'), join(building, 'rocket-client.cjs'))
    })
    return { command: process.execPath, args: [join(directory, 'rocket-client.cjs')] }
  }),
  lacks: {
    async: 'ali-ons has one way to send',
    oneway: 'ali-ons has one way to send',
    batch: 'ali-ons has no batches',
    pull: 'ali-ons has no pull consumer',
    newTopics: 'ali-ons takes a name server that does not know the topic for the end',
  },
}

export const go: Client = {
  name: 'go',
  prepare: once(async () => {
    if (!(await canRun('go', 'version')))
      throw new MissingError('go cannot be run: the Go client needs a Go toolchain (1.21 or newer) on the PATH')
    const files = await Promise.all(['main.go', 'go.mod', 'go.sum'].map(file => readFile(source(`go/${file}`))))
    const directory = await cached('go-client', files, async building => {
      const env = { ...process.env, GOFLAGS: '-buildvcs=false -mod=readonly' }
      await execute('go', ['build', '-o', join(building, 'rocket-client'), '.'], {
        cwd: source('go'),
        timeout: 400_000,
        env,
      })
    })
    return { command: join(directory, 'rocket-client'), args: [] }
  }),
  lacks: {},
}

/**
 * `rocketmq` 0.4.4: the releases of rocketmq-client-python that brought the C++ client along in their wheel; later ones want
 * librocketmq to be installed by hand. The wheel is for x86-64 Linux with glibc.
 */
const PYTHON_CLIENT = 'rocketmq==0.4.4'

export const python: Client = {
  name: 'python',
  prepare: once(async () => {
    if (process.platform !== 'linux' || process.arch !== 'x64')
      throw new MissingError(`${PYTHON_CLIENT}, which carries the C++ client, exists for x86-64 Linux only`)
    if (!(await canRun('python3', '-m', 'pip', '--version')))
      throw new MissingError('python3 -m pip cannot be run: the Python client needs Python 3 with pip on the PATH')
    const directory = await cached('python-client', [PYTHON_CLIENT], async building => {
      const lib = join(building, 'lib')
      const install = [
        '-m',
        'pip',
        'install',
        '-q',
        '--no-deps',
        '--disable-pip-version-check',
        '--target',
        lib,
        PYTHON_CLIENT,
      ]
      await execute('python3', install, { timeout: 180_000 })
      await execute('python3', ['-c', 'import rocketmq.client'], { env: { ...process.env, PYTHONPATH: lib } })
    })
    // The interpreter itself: a shim on the PATH may look for it below the home directory, which is another one here.
    const { stdout } = await execute('python3', ['-c', 'import sys; print(sys.executable)'])
    return {
      command: stdout.trim(),
      args: ['-u', source('python/rocket_client.py')],
      env: { PYTHONPATH: join(directory, 'lib') },
    }
  }),
  lacks: {
    batch: 'this C++ client does not mark a batch as one, so that any broker stores it as a single message',
  },
}

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { expectDiskError } from '../contract/disk.ts'
import { nodeDisk } from './disk.ts'

let directory: string
let path: string
const children: ChildProcess[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rocketcluster-lock-'))
  path = join(directory, 'lock')
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(directory, { recursive: true })
})

/** Starts a program and resolves with its first word. */
async function start(command: string, ...args: string[]): Promise<{ child: ChildProcess; says: string }> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  const [says] = await once(child.stdout!, 'data')
  return { child, says: String(says).trim() }
}

const LOCKER = `
const { nodeDisk } = await import(process.argv[1])
try {
  await nodeDisk.lock(process.argv[2])
  console.log('locked')
  setInterval(() => {}, 1000)
} catch (error) {
  console.log(error.code)
}`

const otherProcess = () =>
  start(process.execPath, '--input-type=module', '-e', LOCKER, '--', new URL('./disk.ts', import.meta.url).href, path)

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

test('another process is excluded, and a killed one leaves the lock free', async () => {
  const { child, says } = await otherProcess()
  expect(says).toBe('locked')
  await expectDiskError('LOCKED', nodeDisk.lock(path))
  await kill(child)
  const lock = await nodeDisk.lock(path)
  expect((await otherProcess()).says).toBe('LOCKED')
  await expectDiskError('LOCKED', nodeDisk.lock(path))
  expect((await otherProcess()).says).toBe('LOCKED') // the refused second lock did not let go of the first
  await lock.release()
  expect((await otherProcess()).says).toBe('locked')
})

test('a lock file that was removed is no lock: the new one is taken anew', async () => {
  const lock = await nodeDisk.lock(path)
  unlinkSync(path)
  const { child, says } = await otherProcess()
  expect(says).toBe('locked')
  await expectDiskError('LOCKED', nodeDisk.lock(path))
  await kill(child)
  await lock.release()
})

const JAVA = `
import java.io.*;
import java.nio.channels.*;
public class Locker {
  public static void main(String[] args) throws Exception {
    FileLock lock = new RandomAccessFile(args[0], "rw").getChannel().tryLock(0, 1, false);
    System.out.println(lock == null ? "LOCKED" : "locked");
    System.out.flush();
    if (lock != null) System.in.read();
  }
}`

const hasJava = spawnSync('java', ['-version']).status === 0

test("Java's FileChannel.tryLock excludes us, and we exclude it", async () => {
  if (!hasJava) {
    console.warn('not run against Java: no java command on this machine')
    return
  }
  const source = join(directory, 'Locker.java')
  writeFileSync(source, JAVA)
  const first = await start('java', source, path)
  expect(first.says).toBe('locked')
  await expectDiskError('LOCKED', nodeDisk.lock(path))
  await kill(first.child)
  const lock = await nodeDisk.lock(path)
  expect((await start('java', source, path)).says).toBe('LOCKED')
  await lock.release()
})

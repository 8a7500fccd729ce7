import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { CACHE, type Installation } from './install.ts'

const run = promisify(execFile)

/**
 * Compiles one Java source file (its class is named like the file, without a package) against an installation.
 * Returns the class path to run it with. Compiled once per content.
 */
export function compileJava(source: string, installation: Installation): Promise<string> {
  const key = `${source} ${installation.classPath}`
  let compiled = inThisRun.get(key)
  if (!compiled) inThisRun.set(key, (compiled = compile(source, installation)))
  return compiled
}

/** Tests that start a program at the same time share its compilation. */
const inThisRun = new Map<string, Promise<string>>()

async function compile(source: string, installation: Installation): Promise<string> {
  const content = await readFile(source)
  const key = createHash('sha256').update(installation.classPath).update(content).digest('hex').slice(0, 16)
  const directory = join(CACHE, 'classes', `${basename(source, '.java')}-${key}`)
  const classPath = `${directory}${delimiter}${installation.classPath}`
  if (await stat(directory).catch(() => undefined)) return classPath
  const building = `${directory}.${process.pid}`
  await mkdir(building, { recursive: true })
  try {
    await run('javac', ['-nowarn', '-d', building, '-cp', installation.classPath, source], { timeout: 120_000 })
    // Another run may have been faster; its program is the same.
    await rename(building, directory).catch(async error => {
      if (!(await stat(directory).catch(() => undefined))) throw error
      await rm(building, { recursive: true, force: true })
    })
  } catch (cause) {
    await rm(building, { recursive: true, force: true })
    const { stderr = '', message } = cause as { stderr?: string; message: string }
    throw new Error(`javac ${source} failed: ${stderr || message}`, { cause })
  }
  return classPath
}

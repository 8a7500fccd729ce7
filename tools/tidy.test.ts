/** The rules that keep the tree simple, as data. A wrong import is answered with what to use instead. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, test } from '@jest/globals'

const ROOT = join(import.meta.dirname, '..')

/** Which of our packages each folder may import (imports only go up this table). */
const MAY_IMPORT: Record<string, readonly string[]> = {
  protocol: [],
  world: [],
  crds: [],
  remoting: ['protocol', 'world'],
  config: ['crds'],
  nameserver: ['protocol', 'world', 'remoting', 'config'],
  broker: ['protocol', 'world', 'remoting', 'config'],
  controller: ['protocol', 'world', 'remoting', 'config'],
  client: ['protocol', 'world', 'remoting'],
  operator: ['protocol', 'world', 'remoting', 'crds', 'config', 'controller', 'client'],
  cli: ['protocol', 'world', 'remoting', 'crds', 'config', 'nameserver', 'broker', 'controller', 'client'],
  simulation: ['protocol', 'world', 'remoting', 'crds', 'config', 'nameserver', 'broker', 'controller', 'client'],
  e2e: ['protocol', 'world', 'remoting', 'client', 'config'],
  bench: ['protocol', 'world', 'remoting', 'client', 'config', 'e2e'],
}

/** Folders that live in a World and reach the machine only through it. */
const PURE = ['protocol', 'remoting', 'nameserver', 'broker', 'controller', 'client', 'crds', 'config', 'simulation']

/** What a World replaces, and by what. */
const INSTEAD: readonly { pattern: RegExp; use: string }[] = [
  { pattern: /from 'node:(fs|fs\/promises)'/, use: 'world.disk' },
  { pattern: /from 'node:(net|tls|dns|http)'/, use: 'world.network' },
  { pattern: /from 'node:timers(\/promises)?'/, use: 'world.clock' },
  { pattern: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/, use: 'world.clock.now() or monotonicMs()' },
  { pattern: /(?<![.\w])(setTimeout|setInterval|setImmediate)\(/, use: 'world.clock' },
  { pattern: /\bMath\.random\(|randomBytes\(|randomUUID\(/, use: 'world.random' },
]

/** A process's edge: it makes the World, so it may touch the machine. */
const isEdge = (path: string) =>
  /\/main\.ts$/.test(path) ||
  /\.test\.ts$/.test(path) ||
  /\/bench\//.test(path) ||
  /\/generate\.ts$/.test(path) ||
  /\/testing\//.test(path)

function* sources(directory: string): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name.startsWith('.')) continue
    const path = join(directory, entry.name)
    if (entry.isDirectory()) yield* sources(path)
    else if (entry.name.endsWith('.ts')) yield path
  }
}

const files = Object.keys(MAY_IMPORT)
  .filter(folder => readdirSync(ROOT).includes(folder))
  .flatMap(folder =>
    [...sources(join(ROOT, folder))].map(path => ({
      folder,
      path: relative(ROOT, path),
      text: readFileSync(path, 'utf8'),
    })),
  )

/** Comments and strings say what they like; only code is judged. */
const codeOf = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '')

describe('tidy', () => {
  test('there is something to judge', () => {
    expect(files.length).toBeGreaterThan(50)
  })

  test('imports only go up the table', () => {
    const wrong = files.flatMap(({ folder, path, text }) =>
      [...text.matchAll(/from '@rocketcluster\/([a-z]+)(\/[a-z]+)?'/g)]
        .map(match => match[1]!)
        // A test may stand on the simulator's and the real world, and on the client it is a test of.
        .filter(
          imported =>
            imported !== folder &&
            !MAY_IMPORT[folder]!.includes(imported) &&
            !/\.test\.ts$|\/testing\/|\/bench\//.test(path),
        )
        .map(
          imported =>
            `${path} imports ${imported}; ${folder} may import ${MAY_IMPORT[folder]!.join(', ') || 'nothing of ours'}`,
        ),
    )
    expect(wrong).toEqual([])
  })

  test('siblings are imported by package name, not by path', () => {
    const wrong = files
      .filter(({ folder, text }) =>
        [...text.matchAll(/from '(?:\.\.\/)+([a-z]+)\//g)].some(
          match => match[1] !== folder && match[1]! in MAY_IMPORT && text.includes(`/${match[1]}/src/`),
        ),
      )
      .map(({ path }) => path)
    expect(wrong).toEqual([])
  })

  test('time, disk, network and randomness come from the World', () => {
    const wrong = files
      .filter(({ folder, path }) => PURE.includes(folder) && !isEdge(path))
      .flatMap(({ path, text }) =>
        INSTEAD.filter(({ pattern }) => pattern.test(codeOf(text))).map(
          ({ use, pattern }) => `${path}: ${pattern.source}: use ${use}`,
        ),
      )
    expect(wrong).toEqual([])
  })

  test('nothing is left for later and no test is switched off', () => {
    const wrong = files
      .filter(({ text }) =>
        /\b(TODO|FIXME|HACK)\b|\b(it|test|describe)\.(skip|todo|only)\(|\bx(it|describe)\(/.test(text),
      )
      .map(({ path }) => path)
    expect(wrong).toEqual([])
  })

  test('the lock file has the packages of every platform; if not: npm run lock', () => {
    const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
    const missing = Object.entries<{ optionalDependencies?: object }>(packages).flatMap(([where, entry]) =>
      Object.keys(entry.optionalDependencies ?? {}).filter(
        name => !packages[`node_modules/${name}`] && !packages[`${where}/node_modules/${name}`],
      ),
    )
    expect(missing).toEqual([])
  })

  test('the lock file carries no download addresses', () => {
    expect(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved": "https?:/)
  })
})

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { runToEnd } from './testing/command-line.ts'
import { runHere } from './testing/in-process.ts'

const HEAD = 'apiVersion: rocketcluster.dev/v1beta1\nkind: RocketCluster\nmetadata: { name: demo }\n'
let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rocketcluster-cli-'))
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('the command line', () => {
  test('without a command it shows what there is', async () => {
    const { code, stderr, stdout } = await runHere()
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('Commands:\n  up ')
  })

  test('--help, help COMMAND, COMMAND --help, --version', async () => {
    expect(await runHere('--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('Commands:') })
    const help = await runHere('help', 'up')
    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('--port BASE') })
    expect((await runHere('up', '--help')).stdout).toBe(help.stdout)
    expect(await runHere('--version')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^rocketcluster \d/) })
  })

  test.each([
    [['upp'], 2, 'rocketcluster: there is no command upp; did you mean up?; allowed are up'],
    [['up'], 2, 'rocketcluster up: up needs --file FILE; see rocketcluster up --help\n'],
    [['up', '-f', 'x', '--prot', '1'], 2, 'rocketcluster up: there is no option --prot; did you mean port?'],
    [
      ['up', '-f', 'x', '--port', '99999'],
      2,
      'rocketcluster up: --port is "99999"; allowed is a whole number from 1 to 65535',
    ],
    [['up', '-f', 'x', '--output', 'xml'], 2, 'rocketcluster up: --output is "xml"; allowed is text or json'],
    [['up', '-f', 'x', '--host', 'nowhere'], 2, 'rocketcluster up: --host is "nowhere"; allowed is an IP address'],
    [['up', '-f', 'no-such.yaml'], 1, 'rocketcluster up: no-such.yaml cannot be read: there is no such file\n'],
    [['up', '-f', '/'], 1, 'rocketcluster up: / cannot be read: it is a directory\n'],
  ])('%j', async (args, expected, sentence) => {
    const { code, stdout, stderr } = await runHere(...args)
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' })
    expect(stderr.slice(0, sentence.length)).toBe(sentence)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })
})

describe('up refuses a manifest and makes nothing', () => {
  test.each([
    [
      'spec: { broker: { groups: 0 } }',
      'spec.broker.groups: 0 is below 1; allowed is a whole number from 1 to 64 (line 4)',
    ],
    [
      'spec: { broker: { config: { fileReservedTime: never } } }',
      'spec.broker.config.fileReservedTime: "never" is not a whole number; allowed is a whole number from 1 to 1000000',
    ],
    [
      'spec: { broker: { replicas: 2, durability: { minInSyncReplicas: 3 } } }',
      'spec.broker.durability.minInSyncReplicas: 3 is above spec.broker.replicas: a group cannot have more members in sync than members (line 4)',
    ],
  ])('%s', async (spec, problem) => {
    const { code, stdout, stderr } = await runToEnd(['up', '-f', '-', '--data', join(directory, 'none')], {
      input: `${HEAD}${spec}\n`,
    })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe(`rocketcluster up: - is not a RocketCluster that can run:\n  ${problem}\n`)
  })

  test('a data directory that cannot be made', async () => {
    writeFileSync(join(directory, 'file'), '')
    const { code, stderr } = await runToEnd(['up', '-f', '-', '--data', join(directory, 'file', 'data')], {
      input: HEAD,
    })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^rocketcluster up: the data directory .* cannot be made: /)
  })
})

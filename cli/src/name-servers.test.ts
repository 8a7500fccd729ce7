import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { findNameServers } from './name-servers.ts'
import { DataDirectory } from './up/data-directory.ts'

let directory: string
let held: DataDirectory[]

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rocketcluster-find-'))
  held = []
})

afterEach(async () => {
  for (const each of held) await each.release()
  rmSync(directory, { recursive: true, force: true })
})

const find = (values: { 'name-server'?: string; data?: string } = {}, environment: Record<string, string> = {}) =>
  findNameServers({ 'name-server': undefined, data: undefined, ...values }, environment, directory)

async function running(cluster: string): Promise<DataDirectory> {
  const data = await DataDirectory.take(join(directory, '.rocketcluster', cluster), cluster)
  data.announce({ cluster, nameServers: [`${cluster}:9876`], processes: [] })
  held.push(data)
  return data
}

test('the command line comes first, then the environment, then what runs here', async () => {
  await running('here')
  expect(await find()).toEqual(['here:9876'])
  expect(await find({}, { NAMESRV_ADDR: 'a:1;b:2' })).toEqual(['a:1', 'b:2'])
  expect(await find({ data: '.rocketcluster/here' }, { NAMESRV_ADDR: 'a:1' })).toEqual(['here:9876'])
  expect(await find({ 'name-server': '[::1]:9876; c:3' }, { NAMESRV_ADDR: 'a:1' })).toEqual(['[::1]:9876', 'c:3'])
})

test('a cluster that has stopped, cleanly or not, is not found', async () => {
  const data = await running('gone')
  await data.release()
  held = []
  await expect(find()).rejects.toThrow(
    'no cluster runs below ./.rocketcluster; start one with "rocketcluster up -f FILE"',
  )
  // Killed: the file is still there, the lock is not.
  writeFileSync(
    join(data.path, 'running.json'),
    JSON.stringify({ cluster: 'gone', nameServers: ['gone:9876'], processes: [] }),
  )
  await expect(find({ data: data.path })).rejects.toThrow(`no cluster runs in ${data.path}`)
})

test('of several the user chooses', async () => {
  await running('one')
  await running('two')
  await expect(find()).rejects.toThrow(
    '2 clusters run here; say which one with --data .rocketcluster/one or --data .rocketcluster/two',
  )
})

test('what is no address, and a torn file', async () => {
  await expect(find({ 'name-server': 'localhost' })).rejects.toThrow(
    '--name-server is "localhost"; allowed is host:port',
  )
  await expect(find({}, { NAMESRV_ADDR: ';' })).rejects.toThrow('NAMESRV_ADDR is ";"')
  mkdirSync(join(directory, '.rocketcluster', 'torn'), { recursive: true })
  writeFileSync(join(directory, '.rocketcluster', 'torn', 'lock'), '')
  writeFileSync(join(directory, '.rocketcluster', 'torn', 'running.json'), '{"clus')
  await expect(find()).rejects.toThrow('no cluster runs')
})

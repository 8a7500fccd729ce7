import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { ConfigError, ForbiddenKeyError, namesrvConfig } from '@rocketcluster/config'
import { DiskError } from '@rocketcluster/world'
import { nodeDisk } from '@rocketcluster/world/node'
import { Configuration } from './configuration.ts'

const directory = mkdtempSync(join(tmpdir(), 'configuration-'))
afterAll(() => rmSync(directory, { recursive: true }))
const path = join(directory, 'namesrv.conf')
const text = '# kept\norderMessageEnable = false\nlistenPort=9876\n'

function start(disk = nodeDisk): Configuration {
  writeFileSync(path, text)
  return new Configuration(disk, namesrvConfig.parse(text, { configStorePath: path }).config)
}

test('a change is in force and in the file, whose comments stay', async () => {
  const configuration = start()
  expect(await configuration.update('orderMessageEnable=true\nenableTopicList=false')).toEqual([])
  expect(configuration.current).toMatchObject({ orderMessageEnable: true, enableTopicList: false })
  expect(readFileSync(path, 'utf8')).toMatch(/^# kept\norderMessageEnable ?= ?true\n/)
  expect(namesrvConfig.parse(readFileSync(path, 'utf8')).config).toMatchObject({
    orderMessageEnable: true,
    enableTopicList: false,
  })
  expect(configuration.print()).toContain('enableTopicList=false')
})

test('keys that only a restart brings into force are named', async () => {
  expect(await start().update('listenPort=9877')).toEqual(['listenPort'])
})

test('on any error nothing is changed', async () => {
  const configuration = start()
  await expect(configuration.update('orderMessageEnable=true\nnoSuchKey=1')).rejects.toThrow(ConfigError)
  await expect(configuration.update('orderMessageEnable=maybe')).rejects.toThrow(ConfigError)
  for (const key of ['configBlackList', 'configStorePath', 'kvConfigPath', 'rocketmqHome'])
    await expect(configuration.update(`orderMessageEnable=true\n${key}=x`)).rejects.toThrow(ForbiddenKeyError)
  expect(configuration.current.orderMessageEnable).toBe(false)
  expect(readFileSync(path, 'utf8')).toBe(text)
  const full = start({
    ...nodeDisk,
    rename: (_from: string, to: string) => Promise.reject(new DiskError('EROFS', to, 'renaming')),
  })
  await expect(full.update('orderMessageEnable=true')).rejects.toThrow('EROFS')
  expect(full.current.orderMessageEnable).toBe(false)
})

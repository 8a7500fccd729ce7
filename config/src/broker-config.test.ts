import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ignoredBrokerKeys, ignoredNamesrvKeys } from './apache-keys.ts'
import { brokerConfig } from './broker-config.ts'
import { brokerSettings } from './broker-settings.ts'
import { ConfigError, ForbiddenKeyError } from './errors.ts'
import { namesrvConfig } from './namesrv-config.ts'
import { namesrvSettings } from './namesrv-settings.ts'
import type { Settings } from './setting.ts'

const problemsOf = (read: () => unknown): string[] => {
  try {
    read()
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n')
    throw error
  }
  return []
}

describe.each([
  ['broker.conf', brokerSettings as Settings],
  ['namesrv.conf', namesrvSettings as Settings],
])('the table of %s', (_, settings) => {
  test.each(Object.entries(settings))('%s: its default is allowed and reads back alike', (_, setting) => {
    const text = setting.print(setting.default)
    expect(setting.parse(text)).toEqual(setting.default)
    expect(setting.print(setting.parse(text))).toBe(text)
    expect(setting.about).toMatch(/\.$/)
    if (setting.apache !== undefined) expect(setting.because).toMatch(/\.$/)
  })
})

test('no key is both ours and ignored', () => {
  expect(Object.keys(brokerSettings).filter(key => ignoredBrokerKeys.has(key))).toEqual([])
  expect(Object.keys(namesrvSettings).filter(key => ignoredNamesrvKeys.has(key))).toEqual([])
})

describe('brokerConfig.parse', () => {
  test("a file as Apache's users have it", () => {
    const text = `
# Licensed to somebody
brokerClusterName = DefaultCluster
brokerName = broker-a
brokerId = 0
deleteWhen = 04;16
fileReservedTime = 120
brokerRole = SYNC_MASTER
flushDiskType = SYNC_FLUSH
namesrvAddr=192.168.0.1:9876;[fe80::1]:9876
diskMaxUsedSpaceRatio=88
mapedFileSizeCommitLog=536870912
sendMessageThreadPoolNums=128
autoCreateTopicEnable=TRUE
useReentrantLockWhenPutMessage=true
`
    const { config, warnings } = brokerConfig.parse(text)
    expect(config).toMatchObject({
      brokerName: 'broker-a',
      brokerId: 0,
      deleteWhen: [4, 16],
      fileReservedTime: 120,
      brokerRole: 'SYNC_MASTER',
      flushDiskType: 'SYNC_FLUSH',
      namesrvAddr: ['192.168.0.1:9876', '[fe80::1]:9876'],
      mappedFileSizeCommitLog: 536_870_912,
      autoCreateTopicEnable: true,
      // Raised along with diskMaxUsedSpaceRatio, since nobody stated them.
      diskSpaceCleanForciblyRatio: 88,
      diskSpaceWarningLevelRatio: 90,
    })
    expect(warnings).toEqual([
      'sendMessageThreadPoolNums has no effect: one event loop serves all requests, there are no thread pools to size',
      expect.stringMatching(/^useReentrantLockWhenPutMessage has no effect: /),
    ])
  })

  test('what follows from other keys is filled in', () => {
    const { config } = brokerConfig.parse('listenPort=20911\nbrokerIP1=10.0.0.1\nstorePathRootDir=/data')
    expect(config).toMatchObject({
      haListenPort: 20_912,
      brokerIP2: '10.0.0.1',
      storePathCommitLog: '/data/commitlog',
      metricsPromExporterHost: '0.0.0.0',
    })
  })

  test('a command line wins over the file, the file over the machine', () => {
    const parse = (text: string) =>
      brokerConfig.parse(text, { listenPort: 1000 }, { brokerName: 'host', listenPort: 7, brokerIP1: '10.1.1.1' })
        .config
    expect(parse('listenPort=2000\nbrokerIP1=10.2.2.2')).toMatchObject({
      listenPort: 1000,
      brokerName: 'host',
      brokerIP1: '10.2.2.2',
    })
  })

  test('lists every problem with its line, the value and what is allowed', () => {
    const text = [
      'listnPort=1',
      'fileReservedTime=soon',
      'deleteWhen=4;24',
      'brokerPermission=8',
      'mappedFileSizeConsumeQueue=6000001',
      'flushDiskType=SYNC',
      'autoCreateTopicEnable=yes',
      'namesrvAddr=localhost',
      'messageDelayLevel=1s 5x',
      'listenPort=70000',
      'brokerId=-1',
      'totallyUnheardOf=1',
    ].join('\n')
    expect(problemsOf(() => brokerConfig.parse(text))).toEqual([
      'line 1: listnPort: there is no such key; did you mean listenPort?',
      'line 2: fileReservedTime: "soon" is not a whole number; allowed is a whole number from 1 to 1000000',
      'line 3: deleteWhen: "24" is not an hour; allowed is hours from 0 to 23, several separated by ;',
      'line 4: brokerPermission: 8 is above 7; allowed is a whole number from 0 to 7',
      'line 5: mappedFileSizeConsumeQueue: 6000001 is not a multiple of 20; the next one is 6000020',
      'line 6: flushDiskType: "SYNC" is not one of ASYNC_FLUSH, SYNC_FLUSH',
      'line 7: autoCreateTopicEnable: "yes" is neither true nor false',
      'line 8: namesrvAddr: "localhost" is not an address; allowed is host:port, several separated by ;',
      'line 9: messageDelayLevel: "5x" is not a delay; allowed is delays such as 1s 10m 2h 1d, separated by spaces',
      'line 10: listenPort: 70000 is above 65535; allowed is a whole number from 0 to 65535',
      'line 11: brokerId: -1 is below 0; allowed is a whole number from 0',
      'line 12: totallyUnheardOf: there is no such key',
    ])
  })

  test.each([
    ['aclEnable=true', /true needs access control/],
    ['storeType=defaultRocksDB', /needs RocksDB.*allowed is default/],
  ])('%j is refused and not ignored: it would break a promise', (text, problem) => {
    expect(problemsOf(() => brokerConfig.parse(text))).toEqual([expect.stringMatching(problem)])
  })

  test.each([
    ['brokerId=3', "brokerId: 3 is a slave's id, but brokerRole is ASYNC_MASTER; a master has brokerId 0"],
    ['listenPort=2', 'listenPort: 2 leaves no port two below it for the fast port; allowed is 0 or from 3'],
    ['listenPort=5559', 'metricsPromExporterPort: 5557 is already the fast port (listenPort - 2)'],
    ['diskSpaceCleanForciblyRatio=60', 'diskSpaceCleanForciblyRatio: 60 is below diskMaxUsedSpaceRatio 75'],
    ['diskSpaceWarningLevelRatio=80', 'diskSpaceWarningLevelRatio: 80 is below diskSpaceCleanForciblyRatio 85'],
    [
      'mappedFileSizeCommitLog=4194304',
      'mappedFileSizeCommitLog: 4194304 cannot hold a message of maxMessageSize 4194304; allowed is from 4259848',
    ],
    ['minInSyncReplicas=2', 'minInSyncReplicas: 2 is above totalReplicas 1'],
    ['enableControllerMode=true', 'controllerAddr: is missing; enableControllerMode needs it'],
    [
      'enableControllerMode=true\ncontrollerAddr=c:9878\ngroupListenPort=10951',
      'groupAddress: is missing; clients have to be told of groupListenPort',
    ],
    ['tls.server.mode=enforcing', 'tls.server.certPath: is missing; enforcing needs it'],
    ['tls.server.certPath=/c.pem', 'tls.server.keyPath: is missing; tls.server.certPath needs it'],
  ])('%s does not fit the rest', (text, problem) => {
    expect(problemsOf(() => brokerConfig.parse(text))).toEqual([problem])
  })

  test('a broken escape is a problem with its line', () => {
    expect(problemsOf(() => brokerConfig.parse('a=1\nb=\\u1'))).toEqual([
      'line 2: properties: \\u is not followed by four hexadecimal digits',
    ])
  })
})

test('what print writes parses back to the same configuration', () => {
  const { config } = brokerConfig.parse('deleteWhen=4;5\nnamesrvAddr=a:1;b:2\nstorePathRootDir=C:\\\\data dir', {
    brokerName: 'a',
  })
  expect(brokerConfig.parse(brokerConfig.print(config)).config).toEqual(config)
  expect(brokerConfig.print(config)).toContain('deleteWhen=04;05\n')
  expect(brokerConfig.print(config)).toContain(
    'messageDelayLevel=1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h\n',
  )
})

test('print leaves passwords out', () => {
  const { config } = brokerConfig.parse('', {
    tlsServerKeyPassword: 'hush',
    tlsServerKeyPath: '/k',
    tlsServerCertPath: '/c',
  })
  expect(config.tlsServerKeyPassword).toBe('hush')
  expect(brokerConfig.print(config)).not.toContain('hush')
})

describe('update', () => {
  const { config } = brokerConfig.parse('')
  const update = (changes: string | Record<string, string>) =>
    brokerConfig.update(config, changes, config.configBlackList)

  test('says what changed and what waits for a restart', () => {
    const updated = update('fileReservedTime=24\nbrokerPermission=6\nlistenPort=7777\n')
    expect(updated.config).toMatchObject({ fileReservedTime: 24, listenPort: 7777 })
    expect(updated.changed).toEqual(['listenPort', 'fileReservedTime'])
    expect(updated.needRestart).toEqual(['listenPort'])
    expect(config.fileReservedTime).toBe(48)
  })

  test('warns of keys without effect', () => {
    expect(update({ useABSLock: 'true' }).warnings).toEqual([expect.stringMatching(/^useABSLock has no effect/)])
  })

  test('refuses black-listed keys, unknown ones, impossible values and combinations', () => {
    expect(() => update('configBlackList=a')).toThrow(ForbiddenKeyError)
    expect(() => update('brokerConfigPath=/etc/passwd')).toThrow('brokerConfigPath may not be changed at run time')
    expect(problemsOf(() => update('nope=1\nfileReservedTime=0'))).toEqual([
      'line 1: nope: there is no such key',
      'line 2: fileReservedTime: 0 is below 1; allowed is a whole number from 1 to 1000000',
    ])
    expect(problemsOf(() => update({ diskMaxUsedSpaceRatio: '95' }))).toEqual([
      'diskSpaceCleanForciblyRatio: 85 is below diskMaxUsedSpaceRatio 95',
    ])
  })

  test('the file keeps its comments', () => {
    const updated = update('fileReservedTime=24')
    expect(brokerConfig.edit('# keep\nfileReservedTime=48\n', updated.config, updated.changed)).toBe(
      '# keep\nfileReservedTime=24\n',
    )
  })
})

describe('namesrvConfig', () => {
  test('parses, prints, refuses', () => {
    const { config, warnings } = namesrvConfig.parse('listenPort=19876\ndefaultThreadPoolNums=4\n')
    expect(config).toMatchObject({ listenPort: 19_876, enableTopicList: true, metricsPromExporterHost: '0.0.0.0' })
    expect(warnings).toHaveLength(1)
    expect(namesrvConfig.parse(namesrvConfig.print(config)).config).toEqual(config)
    expect(problemsOf(() => namesrvConfig.parse('listenPort=5558'))).toEqual([
      'metricsPromExporterPort: 5558 is already listenPort',
    ])
    expect(problemsOf(() => namesrvConfig.parse('fileReservedTime=1'))).toEqual([
      'line 1: fileReservedTime: there is no such key',
    ])
  })
})

describe('any text at all', () => {
  const key = fc.oneof(fc.constantFrom(...Object.keys(brokerSettings), ...ignoredBrokerKeys.keys()), fc.string())
  const value = fc.oneof(
    fc.string(),
    fc.integer().map(String),
    fc.constantFrom('true', 'false', 'SYNC_FLUSH', '04;16', '1s 2m', 'a:1;b:2', ''),
  )
  const line = fc.tuple(key, value).map(([name, text]) => `${name}=${text}`)

  test('is a configuration that prints and parses back alike, or a ConfigError', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), lines => {
        try {
          const { config } = brokerConfig.parse(lines.join('\n'))
          const { tlsServerKeyPassword: _, ...shown } = config
          expect(brokerConfig.parse(brokerConfig.print(config)).config).toMatchObject(shown)
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error
        }
      }),
      { numRuns: 500 },
    )
  })

  test('is a change that is taken whole or not at all', () => {
    const { config } = brokerConfig.parse('')
    const before = { ...config }
    fc.assert(
      fc.property(fc.array(line, { maxLength: 4 }), lines => {
        try {
          const updated = brokerConfig.update(config, lines.join('\n'), config.configBlackList)
          for (const field of updated.needRestart) expect(updated.changed).toContain(field)
        } catch (error) {
          if (!(error instanceof ConfigError) && !(error instanceof ForbiddenKeyError)) throw error
        }
        expect(config).toEqual(before)
      }),
      { numRuns: 500 },
    )
  })
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'

const LOG = join(import.meta.dirname, 'log.ts')

function program(text: string) {
  return spawn(
    process.execPath,
    ['--input-type=module-typescript', '-e', `import { nodeLog } from '${LOG}'; ${text}`],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
}

test('what was logged just before the exit is written, in order, and errors with their sentence', async () => {
  const child = program(
    "const log = nodeLog({ name: 'x' }); for (let i = 0; i < 500; i++) log.info({ i }, 'line'); log.error({ error: new Error('why') }, 'last'); process.exit(3)",
  )
  let text = ''
  child.stderr.on('data', chunk => (text += chunk))
  const [code] = await once(child, 'close')
  // What was under way in the thread pool at the exit may stand there twice, the second time perhaps behind all others; but
  // nothing is missing or out of order.
  const lines = [...new Set(text.trimEnd().split('\n'))].map(line => JSON.parse(line))
  expect(code).toBe(3)
  const numbers = lines.filter(line => 'i' in line).map(line => line.i)
  expect(numbers).toEqual([...Array(500).keys()])
  expect(lines.at(-1)).toMatchObject({ name: 'x', msg: 'last', error: { message: 'why' } })
})

test('a process whose log nobody reads any more still exits', async () => {
  const child = program(
    "const log = nodeLog(); setInterval(() => log.info({}, 'line'), 5); setTimeout(() => process.exit(4), 500)",
  )
  child.stderr.destroy()
  const [code] = await once(child, 'exit')
  expect(code).toBe(4)
})

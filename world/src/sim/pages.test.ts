import { expect, test } from '@jest/globals'
import { FilePages } from './pages.ts'
import { SimRandom } from './random.ts'

const text = (pages: FilePages) => {
  const into = Buffer.alloc(4)
  pages.read(into, 0)
  return into.toString()
}

test('what is written while a sync is under way is dirty, and safe after the next one, when that sync fails', () => {
  for (let seed = 0; seed < 20; seed++) {
    const pages = new FilePages({ take: () => true, give() {} } as never)
    pages.write(Buffer.from('old!'), 0)
    const first = pages.beginSync()
    pages.write(Buffer.from('new!'), 0)
    pages.endSync(first, false)
    pages.evictLost(new SimRandom(seed))
    expect(text(pages)).toBe('new!')
    pages.endSync(pages.beginSync(), true)
    expect(pages.isSynced).toBe(true)
    pages.evictLost(new SimRandom(seed))
    pages.powerCut(new SimRandom(seed))
    expect(text(pages)).toBe('new!')
  }
})

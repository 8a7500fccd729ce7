/** What a suite is made of. The runner in `run.ts` knows nothing else about tests. */

/** Thrown to say that a test cannot run here; the reason is printed, never swallowed. */
export class Skip extends Error {
  override readonly name = 'Skip'
}

/** Work to be undone at the end, last first. */
export interface Scope {
  defer(undo: () => unknown): void
}

export interface TestContext extends Scope {
  /** Ends the test as skipped. */
  skip(reason: string): never
  /** A line below the test's own in the output: a number measured, a request not served yet. */
  note(text: string): void
  /** A directory that is removed when the test is over. */
  directory(): Promise<string>
  /** Aborted when the test's time is up or the run is interrupted. */
  readonly signal: AbortSignal
  /** Settings from the command line: `--set crash-rounds=50`. */
  setting(name: string, otherwise: number): number
}

export interface Test {
  readonly name: string
  readonly timeoutMs: number
  run(context: TestContext): Promise<void>
}

export interface Suite {
  readonly name: string
  readonly tests: readonly Test[]
  /** Undoes what `once` made. */
  close(): Promise<void>
}

export interface SuiteBuilder {
  test(name: string, run: (context: TestContext) => Promise<void>, options?: { timeoutMs?: number }): void
  /** Something that several tests of the suite share: made by the first that asks, undone after the last. */
  once<T>(make: (scope: Scope) => Promise<T>): () => Promise<T>
}

const DEFAULT_TIMEOUT_MS = 90_000

export function suite(name: string, define: (builder: SuiteBuilder) => void): Suite {
  const tests: Test[] = []
  const undo: (() => unknown)[] = []
  define({
    test: (testName, run, { timeoutMs = DEFAULT_TIMEOUT_MS } = {}) => tests.push({ name: testName, timeoutMs, run }),
    once(make) {
      let made: ReturnType<typeof make> | undefined
      return () => (made ??= make({ defer: step => undo.push(step) }))
    },
  })
  return {
    name,
    tests,
    async close() {
      await unwind(undo)
    },
  }
}

/** Runs the steps, last first, all of them even when some fail; then throws the first failure. */
export async function unwind(undo: (() => unknown)[]): Promise<void> {
  const failures: unknown[] = []
  for (let step = undo.pop(); step; step = undo.pop()) {
    try {
      await step()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

/** One thing that is wrong: the key as the user wrote it, and a sentence with the value and what is allowed. */
export interface ConfigProblem {
  readonly key: string
  /** 1-based line of the file; absent for overrides and run-time changes. */
  readonly line?: number
  readonly message: string
}

/** Everything that is wrong with a configuration; nothing of it was taken over. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(describe).join('\n'))
    this.problems = problems
  }
}

/** A run-time change of a key that `configBlackList` names; answered NO_PERMISSION. */
export class ForbiddenKeyError extends Error {
  override readonly name = 'ForbiddenKeyError'
  readonly keys: readonly string[]

  constructor(keys: readonly string[]) {
    super(`${keys.join(', ')} may not be changed at run time (configBlackList)`)
    this.keys = keys
  }
}

function describe({ key, line, message }: ConfigProblem): string {
  return `${line === undefined ? '' : `line ${line}: `}${key}: ${message}`
}

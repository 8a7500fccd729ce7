/** The seed that the environment variable SEED asks for, if it does. Throws when it is not an integer from 0 on. */
export function seedFromEnvironment(): number | undefined {
  const text = process.env.SEED
  if (text === undefined || text === '') return undefined
  const seed = Number(text)
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`SEED=${text}: an integer from 0 to 2^53-1 is allowed`)
  return seed
}

/** The command that repeats this run with one seed only. */
export function repeatCommand(seed: number, file: string | undefined): string {
  return `SEED=${seed} node tools/jest.ts${file === undefined ? '' : ` ${file}`}`
}

/**
 * What generators and their runner agree on: the line `measuring` on standard error when the warm-up is over, and one
 * JSON line on standard output at the end.
 */
export function announceMeasuring(): void {
  process.stderr.write('measuring\n')
}

/** Prints the result with the generator's own CPU time, and ends the process. */
export function report(result: object): never {
  const { user, system } = process.cpuUsage()
  process.stdout.write(`${JSON.stringify({ ...result, generatorCpuSeconds: (user + system) / 1e6 })}\n`)
  process.exit(0)
}

export function giveUp(who: string, why: string): never {
  process.stderr.write(`${who}: ${why}\n`)
  process.exit(1)
}

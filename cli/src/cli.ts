import { readFileSync } from 'node:fs'
import { ManifestError } from '@rocketcluster/crds'
import { didYouMean } from '@rocketcluster/crds/internal'
import { type Command, CommandError, helpOf, type Terminal, UsageError } from './command.ts'
import { commands } from './commands.ts'

const PROGRAM = 'rocketcluster'

/** Runs one command line and resolves to the exit code: 0, 1 (could not do it) or 2 (does not know what to do). */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined) {
    terminal.err(overview())
    return 2
  }
  if (name === '--version' || name === 'version') {
    terminal.out(`${PROGRAM} ${version()}\n`)
    return 0
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    const about = find(rest)?.command
    terminal.out(about ? helpOf(about) : overview())
    return 0
  }
  const { command, words } = find(args) ?? {}
  if (!command) {
    const names = commands.map(known => known.name)
    terminal.err(`${PROGRAM}: there is no command ${name}${didYouMean(name, names)}; allowed are ${names.join(', ')}\n`)
    return 2
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    terminal.out(helpOf(command))
    return 0
  }
  return attempt(command, args.slice(words), terminal)
}

/** The command that a line begins with: `backlog relieve` rather than `backlog`. */
function find(args: readonly string[]): { command: Command; words: number } | undefined {
  for (const words of [2, 1]) {
    const command = commands.find(known => known.name === args.slice(0, words).join(' '))
    if (command) return { command, words }
  }
  return undefined
}

async function attempt(command: Command, args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await command.run(args, terminal)
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.err(`${PROGRAM} ${command.name}: ${error.message}; see ${PROGRAM} ${command.name} --help\n`)
      return 2
    }
    if (error instanceof CommandError || error instanceof ManifestError) {
      terminal.err(`${PROGRAM} ${command.name}: ${error.message}\n`)
      return 1
    }
    throw error
  }
}

function version(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return version
}

function overview(): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  return `${PROGRAM}: RocketMQ clusters from one manifest\n\nCommands:\n${commands
    .map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}\n`)
    .join('')}\n${PROGRAM} COMMAND --help tells more.\n`
}

function realTerminal(): Terminal {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // Who asks twice wants it now: 128 + signal number, as a shell reports it.
      if (stop.signal.aborted && signal === 'SIGINT') process.exit(130)
      stop.abort(signal)
    })
  }
  // `rocketcluster consume | head` closes the pipe when it has seen enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') stop.abort('EPIPE')
    else throw error
  })
  process.stderr.on('error', () => {})
  return {
    out: text => void process.stdout.write(text),
    err: text => void process.stderr.write(text),
    isScreen: process.stdout.isTTY === true,
    stop: stop.signal,
  }
}

/** The whole program: this process's command line, on its own terminal. */
export async function main(): Promise<void> {
  process.exitCode = await run(process.argv.slice(2), realTerminal())
}

import { join } from 'node:path'
import type { RenderedProcess } from '@rocketcluster/config'
import type { RocketCluster } from '@rocketcluster/crds'
import type { Terminal } from '../command.ts'
import { DEFAULT_DATA_ROOT, type RunningCluster } from './data-directory.ts'
import type { SupervisorEvent } from './supervisor.ts'

/** What `up` says while it works. */
export interface Report {
  warning(text: string): void
  starting(cluster: RocketCluster, processes: readonly RenderedProcess[]): void
  event(event: SupervisorEvent, logFile: string): void
  ready(cluster: RunningCluster, how: { tookMs: number; directory: string }): void
  /** A group has a master, for the first time or another one. `change` says why. */
  master(brokerName: string, master: string | undefined, epoch: number, change: string): void
  /** A deposed master hangs and is killed. */
  stuck(name: string): void
  /** Once a second. */
  tick(running: number, all: number): void
  stopping(): void
  /** Names of processes that had to be killed. */
  stopped(killed: readonly string[]): void
}

/** For scripts: one line on standard output when clients can send and receive; everything else on standard error. */
export function jsonReport({ out, err }: Terminal): Report {
  return {
    warning: text => err(`warning: ${text}\n`),
    starting() {},
    event(event, logFile) {
      const text = sentence(event, logFile)
      if (text !== undefined) err(`${text}\n`)
    },
    ready: cluster => out(`${JSON.stringify(cluster)}\n`),
    master: (...what) => err(`${masterSentence(...what)}\n`),
    stuck: name => err(`${stuckSentence(name)}\n`),
    tick() {},
    stopping() {},
    stopped: killed => {
      if (killed.length > 0) err(`${killed.join(', ')} did not stop in time and had to be killed\n`)
    },
  }
}

/** For people. On a screen the last line is live. */
export function textReport(terminal: Terminal): Report {
  let readyMs: number | undefined
  let live = ''
  const clear = () => {
    if (live !== '') terminal.out(`\r${' '.repeat(live.length)}\r`)
    live = ''
  }
  const say = (text: string) => {
    clear()
    terminal.out(text)
  }
  return {
    warning: text => say(`warning: ${text}\n`),

    starting(cluster, processes) {
      say(`RocketCluster ${cluster.metadata.name}: starting ${processes.map(({ name }) => name).join(', ')}\n`)
    },

    event(event, logFile) {
      const text = sentence(event, logFile)
      if (text !== undefined) say(`${clockTime()} ${text}\n`)
    },

    ready(cluster, { tookMs, directory }) {
      readyMs = performance.now()
      const width = Math.max(...cluster.processes.map(({ name }) => name.length))
      const rows = cluster.processes.map(
        ({ name, address, metrics, pid }) =>
          `  ${name.padEnd(width)}  ${address.padEnd(21)}  pid ${String(pid).padEnd(7)}  ${metrics}\n`,
      )
      const names = cluster.nameServers.join(';')
      // The other commands look below the current directory by themselves.
      const where = directory === join(DEFAULT_DATA_ROOT, cluster.cluster) ? '' : ` --data ${directory}`
      say(
        `Ready in ${(tookMs / 1000).toFixed(1)} s.\n\n${rows.join('')}\n` +
          `RocketMQ clients connect to the name server${cluster.nameServers.length > 1 ? 's' : ''} ${names}\n\n` +
          'Try, in another terminal:\n' +
          `  npx rocketcluster produce --topic hello --message "first message"${where}\n` +
          `  npx rocketcluster consume --topic hello${where}\n` +
          `  npx rocketcluster topics${where}\n` +
          `  npx rocketcluster status${where}\n` +
          (cluster.processes.some(({ groupAddress }) => groupAddress !== null)
            ? `  npx rocketcluster failover${where}\n\n`
            : '\n') +
          `Messages are in ${directory}, logs in ${directory}/logs. Ctrl-C stops the cluster and keeps the messages.\n`,
      )
    },

    master: (...what) => say(`${clockTime()} ${masterSentence(...what)}\n`),

    stuck: name => say(`${clockTime()} ${stuckSentence(name)}\n`),

    tick(running, all) {
      if (!terminal.isScreen || readyMs === undefined) return
      clear()
      live = `${running === all ? 'running' : 'NOT ALL RUNNING'}: ${running} of ${all} processes, up ${duration(performance.now() - readyMs)}`
      terminal.out(live)
    },

    stopping: () => say('Stopping.\n'),

    stopped: killed =>
      say(
        killed.length === 0
          ? 'Stopped; nothing is lost.\n'
          : `Stopped; ${killed.join(', ')} did not stop in time and had to be killed.\n`,
      ),
  }
}

const masterSentence = (brokerName: string, master: string | undefined, epoch: number, change: string) =>
  `${brokerName}: ${master ?? 'an unknown member'} is master since epoch ${epoch} (${change})`

const stuckSentence = (name: string) => `${name} is not master any more and does not step down; it is killed`

function sentence(event: SupervisorEvent, logFile: string): string | undefined {
  if (event.kind === 'started') return event.again ? `${event.name} runs again, pid ${event.pid}` : undefined
  const { name, how, deaths, againMs, lastLines } = event
  const again = `starting it again in ${againMs / 1000} s`
  if (deaths < 3) return `${name} died (${how}); ${again}`
  return `${name} died (${how}), ${deaths} times in a row; ${again}. Its log ${logFile} ends:\n${quote(lastLines)}`
}

/** Lines of a log, indented. */
export function quote(lines: readonly string[]): string {
  return lines.length === 0 ? '  (it is empty)' : lines.map(line => `  ${line}`).join('\n')
}

function clockTime(): string {
  return new Date().toTimeString().slice(0, 8)
}

function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  return parts.map(part => String(part).padStart(2, '0')).join(':')
}

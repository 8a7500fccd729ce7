import { backlog } from './backlog/backlog.ts'
import { relieve } from './backlog/relieve.ts'
import type { Command } from './command.ts'
import { consume } from './consume.ts'
import { failover } from './failover.ts'
import { produce } from './produce.ts'
import { status } from './status.ts'
import { topics } from './topics.ts'
import { up } from './up/up.ts'

/** All commands, in the order of the help. */
export const commands: readonly Command[] = [up, produce, consume, topics, status, failover, backlog, relieve]

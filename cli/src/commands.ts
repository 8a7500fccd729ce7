import type { Command } from './command.ts'
import { up } from './up/up.ts'

/** All commands, in the order of the help. */
export const commands: readonly Command[] = [up]

import type { Admin, ClientInstance } from '@rocketcluster/client'
import type { RemotingClient } from '@rocketcluster/remoting'
import type { World } from '@rocketcluster/world'
import { CommandError } from './command.ts'

/** What a command that talks to a cluster works with. */
export interface Connected {
  readonly world: World
  readonly client: ClientInstance
  readonly admin: Admin
}

/** Connects, does something, and disconnects. What the cluster or the network refuses becomes a CommandError. */
export async function withClient<T>(
  nameServers: readonly string[],
  work: (connected: Connected) => Promise<T>,
): Promise<T> {
  // Loaded here: help and mistakes on the command line need none of it.
  const [{ Admin, ClientInstance }, { nodeWorld }] = await Promise.all([
    import('@rocketcluster/client'),
    import('@rocketcluster/world/node'),
  ])
  const world = nodeWorld()
  const client = new ClientInstance(world, { nameServers })
  try {
    return await work({ world, client, admin: new Admin(world, { client }) })
  } catch (error) {
    throw asCommandError(error)
  } finally {
    await client.close()
  }
}

/** As `withClient`, for what needs no name server. */
export async function withRemoting<T>(work: (remoting: RemotingClient) => Promise<T>): Promise<T> {
  const [{ RemotingClient }, { nodeWorld }] = await Promise.all([
    import('@rocketcluster/remoting'),
    import('@rocketcluster/world/node'),
  ])
  const remoting = new RemotingClient(nodeWorld(), {})
  try {
    return await work(remoting)
  } catch (error) {
    throw asCommandError(error)
  } finally {
    await remoting.close()
  }
}

/** Errors that clients throw for what is not the program's fault, by name: their classes are not loaded here. */
const FORESEEN = new Set(['ClientError', 'ResponseError', 'TransportError', 'FieldError', 'NetworkError'])

export function asCommandError(error: unknown): unknown {
  if (!(error instanceof Error) || !FORESEEN.has(error.name)) return error
  const cause =
    error.cause instanceof Error && !error.message.includes(error.cause.message) ? `: ${error.cause.message}` : ''
  const status = 'status' in error ? `${error.status}: ` : ''
  return new CommandError(`${status}${error.message}${cause}`.replace(/\s*\n\s*/g, ' '))
}

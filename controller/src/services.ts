import type { ServerConnection } from '@rocketcluster/remoting'
import type { Log, Random } from '@rocketcluster/world'
import type { Configuration } from './configuration.ts'
import type { Controller } from './controller.ts'

/** What every handler of the controller may use. */
export interface ControllerServices {
  readonly controller: Controller<ServerConnection>
  readonly configuration: Configuration
  readonly log: Log
  readonly random: Random
  /** Where this controller is asked, for one who came over this connection. */
  addressFor(connection: ServerConnection): string
}

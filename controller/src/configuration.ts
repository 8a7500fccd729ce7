import { type ControllerConfig, controllerConfig, RunTimeConfiguration } from '@rocketcluster/config'
import { type Disk, readTextFile, writeTextFile } from '@rocketcluster/world'

/** Keys that no request may change, whatever configBlackList says (ControllerRequestProcessor.java). */
const NEVER_AT_RUN_TIME = ['configBlackList', 'configStorePath', 'controllerStorePath', 'rocketmqHome']

/** The controller's own configuration while it runs. */
export class Configuration extends RunTimeConfiguration<typeof controllerConfig.settings> {
  constructor(disk: Disk, config: ControllerConfig, onChange?: (config: ControllerConfig) => void) {
    const file = {
      read: (path: string) => readTextFile(disk, path),
      write: (path: string, text: string) => writeTextFile(disk, path, text),
    }
    super(controllerConfig, config, NEVER_AT_RUN_TIME, file, onChange)
  }
}

import { type NamesrvConfig, namesrvConfig, RunTimeConfiguration } from '@rocketcluster/config'
import { type Disk, readTextFile, writeTextFile } from '@rocketcluster/world'

/** Keys that no request may change, whatever configBlackList says (DefaultRequestProcessor.java). */
const NEVER_AT_RUN_TIME = ['configBlackList', 'configStorePath', 'kvConfigPath', 'rocketmqHome']

/** The name server's own configuration while it runs. */
export class Configuration extends RunTimeConfiguration<typeof namesrvConfig.settings> {
  constructor(disk: Disk, config: NamesrvConfig, onChange?: (config: NamesrvConfig) => void) {
    const file = {
      read: (path: string) => readTextFile(disk, path),
      write: (path: string, text: string) => writeTextFile(disk, path, text),
    }
    super(namesrvConfig, config, NEVER_AT_RUN_TIME, file, onChange)
  }
}

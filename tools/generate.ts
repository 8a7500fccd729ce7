/** `npm run generate`: writes the files that follow from schemas. The tests beside the schemas say when they are stale. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { configurationPage, defaultsPage } from '../config/src/internal.ts'
import { rocketClusterCrdYaml, rocketClusterPage } from '../crds/src/internal.ts'

const files: Readonly<Record<string, string>> = {
  'crds/rocketclusters.yaml': rocketClusterCrdYaml(),
  'docs/configuration.md': configurationPage(),
  'docs/defaults.md': defaultsPage(),
  'docs/rocketcluster.md': rocketClusterPage(),
}

for (const [path, text] of Object.entries(files)) {
  const file = fileURLToPath(new URL(`../${path}`, import.meta.url))
  writeFileSync(file, text)
  console.log(`wrote ${path}`)
}

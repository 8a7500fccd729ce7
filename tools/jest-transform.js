// jest's transformer for TypeScript: Node's own type stripping, so that tests and production run the same text.
// Line and column numbers stay as they are in the source (stripping replaces types by blanks), so no source map is needed.
import { createHash } from 'node:crypto'
import { stripTypeScriptTypes } from 'node:module'

export default {
  process: source => ({ code: stripTypeScriptTypes(source) }),
  getCacheKey: (source, path) => createHash('sha256').update(process.version).update(path).update(source).digest('hex'),
}

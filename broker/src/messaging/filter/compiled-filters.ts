import { SQL92, TAG } from '../expression-type.ts'
import { type CompiledFilter, compileSql } from './compile-sql.ts'
import { FilterSyntaxError } from './filter-syntax-error.ts'
import { parseSql } from './parse-sql.ts'

/** As many as anybody has at a time; a pull may bring its expression each time. */
const MOST_KNOWN = 1000

/** By expression, those asked for last at the end. Pure memory: what is in it changes no answer. */
const known = new Map<string, CompiledFilter | FilterSyntaxError>()

/** An expression that is not by tags, compiled. Throws FilterSyntaxError, and Error for a type that is not known. */
export function compiledFilterOf(expressionType: string, expression: string): CompiledFilter {
  if (expressionType !== SQL92)
    throw new Error(`filter type ${JSON.stringify(expressionType)} is unknown; allowed are ${TAG} and ${SQL92}`)
  let filter = known.get(expression)
  if (filter !== undefined) known.delete(expression)
  else {
    filter = compile(expression)
    if (known.size >= MOST_KNOWN) known.delete(known.keys().next().value!)
  }
  known.set(expression, filter)
  if (filter instanceof FilterSyntaxError) throw filter
  return filter
}

function compile(expression: string): CompiledFilter | FilterSyntaxError {
  try {
    return compileSql(parseSql(expression))
  } catch (error) {
    if (error instanceof FilterSyntaxError) return error
    throw error
  }
}

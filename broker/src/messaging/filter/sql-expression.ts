import type { JavaNumber } from './java-numbers.ts'

/**
 * An SQL92 filter as parsed. BETWEEN is two comparisons, `<>` and IS NOT NULL are a negated `=` and IS NULL, as in
 * Apache (ComparisonExpression.java): what an absent property makes of them follows from that.
 */
export type Expression = Operand | Condition

export type Operand =
  | { readonly kind: 'property'; readonly name: string }
  | { readonly kind: 'number'; readonly number: JavaNumber }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'negative'; readonly of: Expression }

/** True, false or unknown. */
export type Condition =
  | { readonly kind: 'constant'; readonly value: boolean | null }
  /** A property where a condition is wanted: never true, since properties are strings. */
  | { readonly kind: 'asCondition'; readonly of: Expression & { readonly kind: 'property' } }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Condition[] }
  | { readonly kind: 'equal'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'compare'; readonly order: Order; readonly left: Operand; readonly right: Operand }
  | { readonly kind: 'isNull'; readonly of: Expression }
  | {
      readonly kind: 'search'
      readonly where: Where
      readonly not: boolean
      readonly of: Expression
      readonly text: string
    }
  | { readonly kind: 'in'; readonly not: boolean; readonly name: string; readonly texts: readonly string[] }

export type Order = '>' | '>=' | '<' | '<='
export type Where = 'CONTAINS' | 'STARTSWITH' | 'ENDSWITH'

export const isCondition = (expression: Expression): expression is Condition =>
  expression.kind !== 'property' &&
  expression.kind !== 'number' &&
  expression.kind !== 'string' &&
  expression.kind !== 'negative'

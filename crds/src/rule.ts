import { z } from 'zod'

/**
 * A rule over several fields. It is written twice, for the API server (CEL, in the CRD) and for our own parser; the test of
 * the CRD runs both on the same values.
 */
export interface Rule<Value> {
  /** CEL; true when the object is fine. Sees defaults already filled in. */
  readonly cel: string
  /** Field below the object that is to blame; empty for the object itself. */
  readonly path: readonly string[]
  readonly message: string
  /** The same in TypeScript. */
  readonly holds: (value: Value) => boolean
}

/** The schema with rules attached, in both forms. Give descriptions before, defaults after. */
export function ruled<Schema extends z.ZodType>(schema: Schema, rules: readonly Rule<z.output<Schema>>[]): Schema {
  const checked = schema.superRefine((value, context) => {
    for (const { path, message, holds } of rules) {
      if (!holds(value)) context.addIssue({ code: 'custom', message, path: [...path], params: { rule: true } })
    }
  })
  return checked.meta({
    ...schema.meta(),
    'x-kubernetes-validations': rules.map(({ cel, path, message }) => ({
      rule: cel,
      message,
      ...(inShape(schema, path) ? { fieldPath: path.map(name => `.${name}`).join('') } : {}),
    })),
  }) as Schema
}

/** The API server takes a fieldPath only when the schema names the field; a key of a free map is not named. */
function inShape(schema: z.ZodType, [first]: readonly string[]): boolean {
  return schema instanceof z.ZodObject && first !== undefined && first in schema.shape
}

import { z } from 'zod'

/** A Kubernetes resource quantity, `500m` or `10Gi`; what the API server accepts, without the exponent forms. */
export const QUANTITY = /^\d+(\.\d+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/

const NOT_A_QUANTITY = 'is not a quantity; allowed is a number with a unit, such as 500m, 2 or 10Gi'

const factors: Readonly<Record<string, number>> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}

/** A quantity in the manifest: text, or a whole number as YAML reads `cpu: 2`. */
export const quantity = () =>
  z
    .union([z.string().regex(QUANTITY, { error: NOT_A_QUANTITY }), z.int().min(0)], {
      error: NOT_A_QUANTITY,
    })
    .meta({ 'x-kubernetes-int-or-string': true, pattern: QUANTITY.source })

/** The number behind a quantity: bytes of `10Gi`, cores of `500m`. */
export function quantityValue(value: string | number): number {
  if (typeof value === 'number') return value
  const unit = /[A-Za-z]*$/.exec(value)![0]
  return Number.parseFloat(value) * (factors[unit] ?? 1)
}

/** ExpressionType.java */
export const TAG = 'TAG'
export const SQL92 = 'SQL92'

/** Nothing said means by tags. */
export const isByTag = (expressionType: string | undefined): boolean =>
  expressionType === undefined || expressionType === '' || expressionType === TAG

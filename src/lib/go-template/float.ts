/** Floats as Go's strconv.FormatFloat writes them. */

/**
 * A float as Go's strconv.FormatFloat writes it.
 *
 * @param verb `e` with an exponent, `f` without, `g` as it is shorter.
 * @param precision digits behind the point, in all for `g`; as many as the value needs when undefined.
 */
export function formatFloat(value: number, verb: 'e' | 'f' | 'g', precision?: number): string {
  if (Object.is(value, -0)) return `-${formatFloat(0, verb, precision)}`
  if (verb === 'f') return value.toFixed(precision)
  if (verb === 'e') return withTwoDigitExponent(value.toExponential(precision))
  const digits = precision === undefined ? undefined : Math.max(precision, 1)
  const text = value
    .toExponential(digits === undefined ? undefined : digits - 1)
    .replace(/\.0+e|(\.\d*[1-9])0+e/, '$1e')
  const exponent = Number(text.split('e')[1])
  const needsExponent = exponent < -4 || exponent >= (digits ?? MIN_DIGITS)
  return needsExponent ? withTwoDigitExponent(text) : String(Number(text))
}

/** Up to how many digits before the point `g` does without an exponent. */
const MIN_DIGITS = 6

function withTwoDigitExponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, 'e$10$2')
}

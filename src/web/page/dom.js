/** Elements from text: nothing that comes from elsewhere ever becomes markup. */

/**
 * @param {string} tag with classes behind dots, such as `span.muted`.
 * @param {Record<string, unknown>} [properties] of the element; `data-*`, `aria-*` and `role` as attributes.
 * @param {...(Node | string | number | null | undefined | false)} children
 * @returns {HTMLElement}
 */
export function h(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split('.')
  const element = document.createElement(name || 'div')
  if (classes.length > 0) element.className = classes.join(' ')
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue
    if (/^(data-|aria-|role$|for$|colspan$)/.test(key)) element.setAttribute(key, String(value))
    else Object.assign(element, { [key]: value })
  }
  append(element, children)
  return element
}

/**
 * Replaces what an element contains.
 * @param {Element} element
 * @param {...(Node | string | number | null | undefined | false)} children
 */
export function fill(element, ...children) {
  element.replaceChildren()
  append(element, children)
}

/** @param {Element} element @param {(Node | string | number | null | undefined | false)[]} children */
function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue
    element.append(child instanceof Node ? child : String(child))
  }
}

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`no element ${id}`)
  return element
}

/** Sets text only where it is another one: writing costs a layout. @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

/**
 * Makes characters visible that would act on the text around them: controls, and marks that change the direction of
 * writing or join what is apart.
 * @param {string} text
 */
export function visible(text) {
  return text.replace(HIDDEN, (character) => {
    const code = /** @type {number} */ (character.codePointAt(0))
    if (code < 0x20) return String.fromCodePoint(0x2400 + code)
    if (code === 0x7f) return '␡'
    return `⟨${code.toString(16).toUpperCase().padStart(4, '0')}⟩`
  })
}

// biome-ignore lint/complexity/useRegexLiterals: so that the characters stand in the source as escapes.
const HIDDEN = new RegExp(
  '[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]|[\\u{e0000}-\\u{e007f}]',
  'gu',
)

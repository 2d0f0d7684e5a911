// xterm.js writes <style> elements and style attributes, which this site's content security policy refuses, and rightly:
// they are how injected text gets to style a page. The same rules through the style API are not text, and are let through.

/** In the place of a <style>: what is written into it becomes a style sheet of the document. */
const standIn = (): HTMLElement => {
  const element = document.createElement('span')
  element.hidden = true
  const sheet = new CSSStyleSheet()
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet]
  Object.defineProperty(element, 'textContent', {
    get: () => '',
    set: (css: string) => sheet.replaceSync(css),
  })
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet)
    Element.prototype.remove.call(element)
  }
  return element
}

const create = (name: string): HTMLElement => {
  if (name === 'style') return standIn()
  const element = document.createElement(name)
  element.setAttribute = (attribute, value) => {
    if (attribute === 'style') element.style.cssText = value
    else Element.prototype.setAttribute.call(element, attribute, value)
  }
  return element
}

/** For xterm's `documentOverride`: the document itself, but for what it creates. */
export const strictDocument = (): Document =>
  new Proxy(document, {
    get: (target, key) => {
      if (key === 'createElement') return create
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

/** Part of xterm asks the page's own document whatever the override says; it does so while it opens. */
export const whileStrict = (open: () => void): void => {
  const original = document.createElement.bind(document)
  const strict = (name: string, options?: ElementCreationOptions) => {
    if (name !== 'style') return original(name, options)
    restore()
    try {
      return standIn()
    } finally {
      document.createElement = strict as typeof document.createElement
    }
  }
  // The method itself is the prototype's: without a property of its own the document is as before.
  const restore = () => Reflect.deleteProperty(document, 'createElement')
  document.createElement = strict as typeof document.createElement
  try {
    open()
  } finally {
    restore()
  }
}

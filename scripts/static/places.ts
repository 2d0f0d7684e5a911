import type { Syntax } from './compile.ts'

type Node = { nodeType?: string; name?: string; kind?: string; src?: string; nodes?: Node[] }

const nameOf = (node: Node): string => node.name || node.kind || ''

/** Names the place of a byte in a file: `Contract.function`, `Contract.variable`, or what stands at the top. */
export const placeOf = (syntax: Syntax, file: string, byte: number): string => {
  let nodes = (syntax[file]?.ast as Node | undefined)?.nodes ?? []
  const names: string[] = []
  for (let depth = 0; depth < 2; depth++) {
    const hit = nodes.find(({ src = '' }) => {
      const [start = 0, length = 0] = src.split(':').map(Number)
      return byte >= start && byte < start + length
    })
    if (hit === undefined) break
    names.push(nameOf(hit))
    nodes = hit.nodes ?? []
  }
  return names.join('.') || file
}

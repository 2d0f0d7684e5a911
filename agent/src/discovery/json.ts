/** @returns undefined for what is no JSON, which every schema then refuses with its own sentence. */
export const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

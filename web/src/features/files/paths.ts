// Paths of a guest, as the agent takes them: absolute and clean. Pure.
export const childOf = (folder: string, name: string): string =>
  folder === '/' ? `/${name}` : `${folder}/${name}`

export const parentOf = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf('/')))

/** Why a name cannot be given to a file; undefined for one that can. */
export const nameProblem = (name: string): string | undefined => {
  if (name === '' || name === '.' || name === '..') return 'Give it a name.'
  return name.includes('/') ? 'A name holds no slash.' : undefined
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const

export const sizeText = (bytes: number): string => {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}

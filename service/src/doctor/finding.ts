export type Finding = {
  /** What was looked at. */
  check: string
  /** `note`: worth knowing; `fault`: it will not work, or not well, until somebody acts. */
  level: 'ok' | 'note' | 'fault'
  /** Stable, for programs. */
  code: string
  found: string
  /** Empty when there is nothing to do. */
  todo: string
}

export const ok = (check: string, found: string): Finding => ({
  check,
  level: 'ok',
  code: 'ok',
  found,
  todo: '',
})
export const note = (check: string, code: string, found: string, todo = ''): Finding => ({
  ...{ check, level: 'note', code, found, todo },
})
export const fault = (check: string, code: string, found: string, todo: string): Finding => ({
  ...{ check, level: 'fault', code, found, todo },
})

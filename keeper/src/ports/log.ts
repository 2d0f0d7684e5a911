/** What services log through; pino fits. */
export type Log = Record<'info' | 'warn' | 'error', (fields: object, message: string) => void>

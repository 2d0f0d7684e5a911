// What the bench uses of it; the package has no types of its own.
declare module 'autocannon' {
  const autocannon: (options: {
    url: string
    connections: number
    /** Seconds. */
    duration: number
    workers?: number
  }) => Promise<{
    duration: number
    errors: number
    '2xx': number
    non2xx: number
    requests: { total: number }
  }>
  export default autocannon
}

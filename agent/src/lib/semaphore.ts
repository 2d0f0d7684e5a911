/** Lets at most `limit` pieces of work run at a time, in the order they came. */
export const makeSemaphore = (limit: number) => {
  let free = limit
  const waiting: (() => void)[] = []
  return async <result>(work: () => Promise<result>): Promise<result> => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free++
      else next()
    }
  }
}

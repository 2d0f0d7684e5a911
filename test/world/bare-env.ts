/**
 * The environment of a program that a test starts: where programs are, and nothing else of the tester's that would configure
 * it. Where `vitest.config.ts` names a cache of compiled sources, it comes along: our commands start in half the time.
 */
export const bareEnv = (): Record<string, string> => {
  const { PATH = '', NODE_COMPILE_CACHE } = process.env
  return { PATH, ...(NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }) }
}

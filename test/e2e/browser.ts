// A real Chromium.
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium } from 'playwright-core'

const CHROMIUM = '/usr/bin/chromium'
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Why the browser tests cannot run here; undefined when they can. In CI a missing browser is a failure, not a skip. */
export const noBrowser = (): string | undefined =>
  existsSync(CHROMIUM) || process.env['CI'] === 'true'
    ? undefined
    : `${CHROMIUM} is missing (apt-get install chromium)`

/** A browser with a profile of its own, gone with it. */
export const openBrowser = async (): Promise<AsyncDisposable & { context: BrowserContext }> => {
  const profile = await mkdtemp(join(tmpdir(), 'decloud-chromium-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    args: FLAGS,
    viewport: { width: 1_280, height: 900 },
    reducedMotion: 'reduce',
  })
  return {
    context,
    [Symbol.asyncDispose]: async () => {
      await context.close()
      await rm(profile, { recursive: true, force: true })
    },
  }
}

// What a tenant does in the page, named the way the page names it.
import type { Page } from 'playwright-core'

/** A key of 32 equal bytes: its private half is known to nobody. */
const SSH_KEY =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH tenant@laptop'

export const connect = async (page: Page): Promise<void> => {
  await page.getByRole('button', { name: 'Connect wallet' }).first().click()
  await page.getByRole('button', { name: 'Test Wallet' }).click()
  await page.getByRole('button', { name: /^Account 0x/ }).waitFor()
}

/** Click one of three; the form is filled so that only the confirmation is left. */
export const chooseNode = async (page: Page): Promise<void> => {
  await page.getByRole('link', { name: /^Deploy on node 1/ }).click()
  await page.getByLabel('SSH public key').fill(SSH_KEY)
}

export const confirmButton = (page: Page) => page.getByRole('button', { name: /^Confirm and pay/ })

export const leaseIdOf = (page: Page): `0x${string}` => page.url().split('/').at(-1) as `0x${string}`

/** Waits until the timeline shows a phase in a state. */
export const phase = (page: Page, id: string, state: string, timeout: number): Promise<void> =>
  page.locator(`[data-phase="${id}"][data-state="${state}"]`).waitFor({ timeout })

/** One more signature: the node answers only to those who are known to it. */
export const signInToNode = async (page: Page): Promise<void> => {
  const button = page.getByRole('button', { name: 'Sign in to the node' })
  await button.click()
  await button.waitFor({ state: 'detached' })
}

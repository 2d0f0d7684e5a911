// Runs in the page before its own scripts: announces a wallet (EIP-6963) that passes every request to the test.
const listeners = new Map()

const request = async (args) => {
  const answer = await window.testWalletRequest(args)
  if ('error' in answer) throw Object.assign(new Error(answer.error.message), { code: answer.error.code })
  return answer.result
}

const provider = {
  request,
  on: (event, listener) => listeners.set(event, (listeners.get(event) ?? new Set()).add(listener)),
  removeListener: (event, listener) => listeners.get(event)?.delete(listener),
}

window.testWalletEmit = (event, value) => {
  for (const listener of listeners.get(event) ?? []) listener(value)
}

const info = {
  uuid: '350670db-19fa-4704-a166-e52e178b59d2',
  name: 'Test Wallet',
  icon: 'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><rect width="1" height="1" fill="%230b6b5d"/></svg>',
  rdns: 'example.test-wallet',
}

const show = () =>
  window.dispatchEvent(
    new CustomEvent('eip6963:announceProvider', { detail: Object.freeze({ info, provider }) }),
  )
window.addEventListener('eip6963:requestProvider', show)
show()

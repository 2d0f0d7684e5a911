import { describe, expect, it } from 'vitest'
import { parseConfig } from '../src/data/config.ts'

const ADDRESS = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8'
const GOOD = {
  chainId: 137,
  usdc: ADDRESS,
  leaseEscrow: ADDRESS,
  leaseDesk: ADDRESS,
  downtimeQuorum: ADDRESS,
  leaseMandates: ADDRESS,
  nodeRegistry: ADDRESS,
  pricePolicy: ADDRESS,
  fromBlock: 0,
  rpcUrl: 'https://rpc.example.org/key',
}

describe('the deployment file', () => {
  it('needs no keeper', () => {
    expect(parseConfig(GOOD).leaseEscrow).toBe('0x70997970C51812dc3A010C7d01b50e0d17dc79C8')
    expect(parseConfig({ ...GOOD, keeperUrl: 'http://127.0.0.1:8080' }).keeperUrl).toBe(
      'http://127.0.0.1:8080',
    )
  })

  it.each([
    ['rpcUrl', 'file:///etc/passwd'],
    ['rpcUrl', undefined],
    ['leaseEscrow', '0x12'],
    ['keeperUrl', 'javascript:alert(1)'],
    ['surprise', 1],
  ])('is refused by name with a wrong %s', (field, value) => {
    expect(() => parseConfig({ ...GOOD, [field]: value })).toThrow(field)
  })
})

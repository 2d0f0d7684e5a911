import { createRequire } from 'node:module'
import hardhatToolboxViem from '@nomicfoundation/hardhat-toolbox-viem'
import { defineConfig } from 'hardhat/config'

const require = createRequire(import.meta.url)

// The compiler is the wasm build inside the npm package `solc`: nothing is downloaded at compile time.
const compiler = {
  version: '0.8.37',
  path: require.resolve('solc/soljson.js'),
}

export default defineConfig({
  plugins: [hardhatToolboxViem],
  solidity: {
    profiles: {
      default: {
        ...compiler,
        settings: { evmVersion: 'cancun', viaIR: true, optimizer: { enabled: true, runs: 200 } },
      },
    },
  },
  test: {
    solidity: {
      profiles: {
        // What `npm test` runs; deeper profiles are for CI and for a long night.
        default: {
          fuzz: { runs: 1_000, showLogs: false },
          invariant: { runs: 64, depth: 64, failOnRevert: true },
        },
      },
    },
  },
  paths: {
    sources: './contracts/src',
    tests: { solidity: './test/contracts' },
    cache: './build/hardhat/cache',
    artifacts: './build/hardhat/artifacts',
  },
})

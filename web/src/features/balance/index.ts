export { BalanceCard } from './components/balance-card.tsx'

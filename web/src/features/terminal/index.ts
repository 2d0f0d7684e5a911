export { ConsolePanel, TerminalPanel } from './components/terminal-panel.tsx'

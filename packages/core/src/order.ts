// The order of events on a stream, checked: for development and property tests, so an entry of its own.

export {
  createOrderChecker,
  type OrderChecker,
} from './order-checker.ts';

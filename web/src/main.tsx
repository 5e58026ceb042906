import { lazy, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { SignInPage } from './pages/sign-in.tsx';
import './tokens.css';
import './styles.css';

// Whoever enrolls need not wait for charts.
const App = lazy(async () => ({ default: (await import('./app.tsx')).App }));
const EnrollPage = lazy(async () => ({ default: (await import('./pages/enroll/enroll-page.tsx')).EnrollPage }));

const page = location.pathname === '/login' ? <SignInPage /> : location.pathname.startsWith('/enroll') ? <EnrollPage /> : <App />;
const root = document.getElementById('root');
if (root) createRoot(root).render(<Suspense>{page}</Suspense>);

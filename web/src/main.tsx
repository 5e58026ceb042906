import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { SignInPage } from './sign-in.tsx';
import './tokens.css';
import './styles.css';

const root = document.getElementById('root');
if (root) createRoot(root).render(location.pathname === '/login' ? <SignInPage /> : <App />);
